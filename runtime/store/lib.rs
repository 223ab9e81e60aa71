//! Journal, projections and blobs behind one trait, on SQLite.
