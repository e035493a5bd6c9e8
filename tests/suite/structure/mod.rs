//! Tests of the structure of the crate and of its documents.

mod benches;
mod constructors;
mod customer_writes;
mod dependencies;
mod documents;
mod fuzz;
mod instructions;
mod layers;
mod log_fields;
mod outside;
mod saboteurs;
mod settings_page;
mod sources;
mod supply_chain;
mod tasks;
