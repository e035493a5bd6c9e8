//! Smoke tests with the programs that people use: Chromium, grpcurl and the operators' script.

mod happy_path;
mod script;
