//! anthill: the composition root.
