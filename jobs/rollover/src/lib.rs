//! Opens months ahead, and closes and releases old ones.
