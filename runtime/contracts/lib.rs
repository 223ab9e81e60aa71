//! The words of anthill: ids, specs, plans, tasks, events, faults and ports.
