//! Parameters as Stripe takes them: form-encoded, nested by brackets, each known, each once.

use std::collections::BTreeMap;

use crate::error::Error;

/// Parameters by their full name, with every array index written out: `flow_data[items][0][id]`.
#[derive(Debug)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Takes an encoded query or body. `known` holds the names of leaves, with `[]` for any index.
    pub(crate) fn parse(encoded: &str, known: &[&str]) -> Result<Self, Error> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(encoded.as_bytes()) {
            check_brackets(&name)?;
            let name = with_index(&name, &parameters);
            let shape = without_index(&name);
            if !known.contains(&shape.as_str()) {
                return Err(unknown(&name, &shape, known));
            }
            if parameters.contains_key(&name) {
                return Err(
                    Error::invalid(400, format!("Invalid request: {name} was given more than once")).param(&name)
                );
            }
            parameters.insert(name, value.into_owned());
        }
        Ok(Self(parameters))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter that must be there and say something.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Error> {
        match self.get(name) {
            None => Err(Error::parameter_missing(name)),
            Some("") => Err(Error::parameter_empty(name)),
            Some(value) => Ok(value),
        }
    }

    /// Whether any parameter lies under a name.
    pub(crate) fn has(&self, name: &str) -> bool {
        let nested = format!("{name}[");
        self.0.keys().any(|key| key == name || key.starts_with(&nested))
    }

    /// The number of elements of an array.
    pub(crate) fn len(&self, name: &str) -> usize {
        (0..).take_while(|index| self.has(&format!("{name}[{index}]"))).count()
    }

    /// One text for the same parameters, whatever their order.
    pub(crate) fn canonical(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

/// Brackets come in pairs, after the name.
fn check_brackets(name: &str) -> Result<(), Error> {
    let (head, mut rest) = name.split_at(name.find('[').unwrap_or(name.len()));
    let mut sound = !head.is_empty() && !head.contains(']');
    while sound && !rest.is_empty() {
        match rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
            Some((inside, after)) if !inside.contains('[') => rest = after,
            _ => sound = false,
        }
    }
    if sound {
        Ok(())
    } else {
        Err(Error::invalid(400, format!("Invalid request: malformed parameter {name}")).param(name))
    }
}

/// `[]` goes on where the array stands: a member that the last element has already begins the next.
fn with_index(name: &str, seen: &BTreeMap<String, String>) -> String {
    let Some((array, rest)) = name.split_once("[]") else { return name.to_owned() };
    (0..).map(|index| format!("{array}[{index}]{rest}")).find(|name| !seen.contains_key(name)).unwrap_or_default()
}

fn without_index(name: &str) -> String {
    let mut shape = String::new();
    for (position, part) in name.split('[').enumerate() {
        let is_index = part
            .strip_suffix(']')
            .is_some_and(|index| !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()));
        match (position, is_index) {
            (0, _) => shape.push_str(part),
            (_, true) => shape.push_str("[]"),
            (_, false) => {
                shape.push('[');
                shape.push_str(part);
            }
        }
    }
    shape
}

fn unknown(name: &str, shape: &str, known: &[&str]) -> Error {
    if known.iter().any(|known| known.strip_prefix(shape).is_some_and(|rest| rest.starts_with('['))) {
        return Error::invalid(400, "Invalid object").param(name);
    }
    if known.iter().any(|known| shape.strip_prefix(known).is_some_and(|rest| rest.starts_with('['))) {
        return Error::invalid(400, "Invalid string").param(name);
    }
    Error::parameter_unknown(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["a", "b[c]", "b[d][][e]"];

    #[test]
    fn nested_parameters_and_both_forms_of_arrays_are_taken() {
        let form = Form::parse("a=1&b%5Bc%5D=2&b[d][0][e]=3&b[d][][e]=4", KNOWN).unwrap();
        assert_eq!(form.get("b[d][1][e]"), Some("4"));
        assert_eq!((form.len("b[d]"), form.has("b"), form.get("b[c]")), (2, true, Some("2")));
    }

    #[test]
    fn what_is_unknown_doubled_or_malformed_is_refused() {
        for bad in ["x=1", "b[x]=1", "a=1&a=2", "b=1", "a[c]=1", "b[c=1", "b]c[=1", "[c]=1", "b[[c]]=1", "b[d][0]=1"] {
            assert_eq!(Form::parse(bad, KNOWN).unwrap_err().status, 400, "{bad}");
        }
    }
}
