//! The crate's modules and its documents.

mod constructors;
mod dependencies;
mod documents;
mod layers;
mod settings_page;
mod sources;
