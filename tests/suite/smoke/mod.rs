//! Smoke tests with the programs that people use: Chromium, grpcurl and the operators' script. axe-core checks the pages.

mod accessibility;
mod clicks;
mod happy_path;
mod script;
mod without_mesh;
