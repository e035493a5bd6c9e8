//! The happy path with the programs that people use.

mod happy_path;
mod script;
