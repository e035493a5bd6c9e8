//! The text of a query, which is composed once, and into which the values of a call are inserted.

use std::sync::Arc;

use uuid::Uuid;

/// A query without its values.
#[derive(Clone, Debug)]
pub(super) struct Template {
    with_parameters: Arc<str>,
    start: Arc<str>,
    /// The texts after a value, each with the index of the value.
    parts: Arc<[(usize, String)]>,
}

impl Template {
    /// Composes a text with fewer than ten values. The function receives an expression for each of them. A parameter is `prefix`
    /// with the number of its value.
    pub(super) fn new<const N: usize>(prefix: char, text: impl FnOnce([String; N]) -> String) -> Self {
        // Random, so that an operator's SELECT statement does not contain it.
        let mark = Uuid::new_v4().simple().to_string();
        let text = text(std::array::from_fn(|index| format!("{mark}{index}")));
        let mut parts = text.split(&mark);
        let start = Arc::from(parts.next().unwrap_or_default());
        let parts = parts.filter_map(|part| {
            let (index, rest) = part.split_at_checked(1)?;
            Some((index.parse().ok()?, rest.to_owned()))
        });
        Self::of_parts(prefix, start, parts.collect())
    }

    fn of_parts(prefix: char, start: Arc<str>, parts: Arc<[(usize, String)]>) -> Self {
        let mut template = Self { with_parameters: Arc::default(), start, parts };
        template.with_parameters = template.with(|index| format!("{prefix}{}", index + 1)).into();
        template
    }

    /// Returns the text with a parameter for each value.
    pub(super) fn with_parameters(&self) -> Arc<str> {
        Arc::clone(&self.with_parameters)
    }

    /// Returns the text with an expression for each value.
    pub(super) fn with(&self, expression: impl Fn(usize) -> String) -> String {
        let mut text = self.start.to_string();
        for (index, rest) in &*self.parts {
            text += &expression(*index);
            text += rest;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserts_each_value_where_its_expression_was_and_nowhere_else() {
        let template = Template::new('$', |[a, b]| format!("SELECT '$1 0', {b} + {a}1, {a}"));
        assert_eq!(&*template.with_parameters(), "SELECT '$1 0', $2 + $11, $1");
        assert_eq!(template.with(|index| format!("<{index}>")), "SELECT '$1 0', <1> + <0>1, <0>");
        assert_eq!(&*Template::new('?', |[]| "SELECT 1".to_owned()).with_parameters(), "SELECT 1");
    }
}
