//! Texts that look like an allowed URL: a grammar whose parts are mostly right, and then mutations of single characters. The
//! hostile choices for each part are data, in hostile_url.json.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde::Deserialize;
use url::Url;

/// How often a part of a text is hostile. Paths and queries often are, because they can be accepted nevertheless.
const RARELY: f64 = 0.125;
const OFTEN: f64 = 0.5;

/// The hostile choices for each part of a URL.
#[derive(Deserialize)]
struct Grammar {
    schemes: Vec<String>,
    slashes: Vec<String>,
    users: Vec<String>,
    hosts: Vec<String>,
    host_changes: Vec<String>,
    ports: Vec<String>,
    paths: Vec<String>,
    queries: Vec<String>,
    fragments: Vec<String>,
    /// Replacements for single characters.
    characters: Vec<String>,
}

/// Generates hostile texts around allowed hosts with ports, such as `app.example.com:8443`.
pub(super) struct HostileUrls {
    random: StdRng,
    grammar: Grammar,
    hosts: &'static [&'static str],
}

impl HostileUrls {
    pub(super) fn new(seed: u64, hosts: &'static [&'static str]) -> Self {
        let grammar = serde_json::from_str(include_str!("hostile_url.json")).unwrap();
        Self { random: StdRng::seed_from_u64(seed), grammar, hosts }
    }

    /// Returns the next text. Many are in normalized form, because no other text can be accepted as a return URL.
    pub(super) fn next(&mut self) -> String {
        let mut text = self.generated();
        if self.random.random_bool(0.5)
            && let Ok(url) = Url::parse(&text)
        {
            text = url.into();
        }
        if self.random.random_bool(0.5) {
            for _ in 0..self.random.random_range(1..=3) {
                text = self.mutated(&text);
            }
        }
        text
    }

    fn generated(&mut self) -> String {
        let Self { random, grammar, hosts } = self;
        let scheme = choose(random, RARELY, &grammar.schemes, "https");
        let slashes = choose(random, RARELY, &grammar.slashes, "://");
        let user = choose(random, RARELY, &grammar.users, "");
        let allowed = hosts.choose(random).unwrap();
        let host = choose(random, RARELY, &grammar.hosts, allowed);
        let change = choose(random, RARELY, &grammar.host_changes, "");
        let port = choose(random, RARELY, &grammar.ports, "");
        let path = choose(random, OFTEN, &grammar.paths, "/settings");
        let query = choose(random, OFTEN, &grammar.queries, "");
        let fragment = choose(random, RARELY, &grammar.fragments, "");
        // Around the limit of 2,048 bytes.
        let length = if random.random_bool(0.02) { random.random_range(1_950..2_100) } else { 0 };
        format!("{scheme}{slashes}{user}{host}{change}{port}{path}{}{query}{fragment}", "a".repeat(length))
    }

    /// Returns the text with one character inserted, replaced, removed, doubled, escaped or in the other case.
    fn mutated(&mut self, text: &str) -> String {
        let mut characters: Vec<String> = text.chars().map(String::from).collect();
        let other = self.grammar.characters.choose(&mut self.random).unwrap().clone();
        let at = self.random.random_range(0..=characters.len());
        if at == characters.len() {
            return text.to_owned() + &other;
        }
        match self.random.random_range(0..6) {
            0 => characters.insert(at, other),
            1 => characters[at] = other,
            2 => drop(characters.remove(at)),
            3 => characters.insert(at, characters[at].clone()),
            4 => characters[at] = characters[at].bytes().map(|byte| format!("%{byte:02X}")).collect(),
            _ => {
                let upper = characters[at].to_uppercase();
                characters[at] = if upper == characters[at] { characters[at].to_lowercase() } else { upper };
            }
        }
        characters.concat()
    }
}

/// Returns one of the hostile choices with this probability, otherwise the usual one.
fn choose<'a>(random: &mut StdRng, probability: f64, hostile: &'a [String], usual: &'a str) -> &'a str {
    if random.random_bool(probability) { hostile.choose(random).unwrap() } else { usual }
}
