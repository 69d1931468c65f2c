//! The parts of a platform as the simulator knows them, each behaving as the real one does.
