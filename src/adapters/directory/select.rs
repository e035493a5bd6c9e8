//! An operator's SELECT statement that stands for one of the two relations.
//!
//! It is put in parentheses, so it must be one whole statement: what would end it, or leave it open, is refused at the
//! start, where a person reads it, and not on every call. Whether its columns are right is the database's to say.

use super::Dialect;

/// One SELECT statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select(String);

impl Select {
    /// Takes a file's content: one statement that begins with SELECT or WITH, with a semicolon after it or without.
    ///
    /// # Errors
    /// What is wrong, as a sentence goes on after the file's name.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, &'static str> {
        let text = text.trim_start_matches('\u{feff}');
        let mut scan = Scan { rest: text, dialect, depth: 0, first_word: None, last_word: "" };
        let mut end = None;
        while let Some(next) = scan.rest.chars().next() {
            let at = text.len() - scan.rest.len();
            let token = scan.token(next)?;
            match (token, end) {
                (Token::Blank, _) => {}
                (Token::Semicolon, None) if scan.depth > 0 => return Err("has a semicolon inside parentheses"),
                (Token::Semicolon, None) => end = Some(at),
                (Token::Semicolon | Token::Other, Some(_)) => return Err("holds more than one statement"),
                (Token::Other, None) if scan.first_word.is_none() => return Err("holds no SELECT statement"),
                (Token::Other, None) => {}
            }
        }
        if scan.depth > 0 {
            return Err("leaves a parenthesis open");
        }
        match scan.first_word {
            None => Err("holds no statement; write the SELECT that yields the relation"),
            Some(word) if ["select", "with"].contains(&word.to_ascii_lowercase().as_str()) => {
                Ok(Self(text.get(..end.unwrap_or(text.len())).unwrap_or(text).trim().to_owned()))
            }
            Some(_) => Err("holds no SELECT statement"),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

enum Token {
    /// White space or a comment.
    Blank,
    Semicolon,
    Other,
}

/// Goes through a statement as the database's own scanner does, as far as quotes, comments and parentheses go.
struct Scan<'a> {
    rest: &'a str,
    dialect: Dialect,
    depth: u32,
    first_word: Option<&'a str>,
    /// The word that ends right here, for `E'…'`; empty after anything else.
    last_word: &'a str,
}

impl<'a> Scan<'a> {
    fn token(&mut self, next: char) -> Result<Token, &'static str> {
        let postgres = self.dialect == Dialect::Postgres;
        let word_before = std::mem::take(&mut self.last_word);
        if next == '\0' {
            return Err("holds a NUL byte");
        }
        if next.is_ascii_whitespace() {
            self.skip(1);
            return Ok(Token::Blank);
        }
        if self.rest.starts_with("--") {
            self.skip(self.rest.find(|c| c == '\n' || (c == '\r' && postgres)).unwrap_or(self.rest.len()));
            return Ok(Token::Blank);
        }
        if self.rest.starts_with("/*") {
            return self.comment().map(|()| Token::Blank);
        }
        match next {
            '\'' => self.quoted('\'', postgres && word_before.eq_ignore_ascii_case("e"))?,
            '"' => self.quoted('"', false)?,
            '`' if !postgres => self.quoted('`', false)?,
            '[' if !postgres => self.until("]")?,
            '$' if postgres => self.dollar()?,
            '?' | ':' | '@' | '#' | '$' if !postgres => return Err("has a parameter, which nothing would fill"),
            '(' | ')' => {
                self.skip(1);
                let depth = if next == '(' { self.depth.checked_add(1) } else { self.depth.checked_sub(1) };
                self.depth = depth.ok_or("closes a parenthesis that is not open")?;
            }
            ';' => {
                self.skip(1);
                return Ok(Token::Semicolon);
            }
            _ if is_word(next) => {
                let word = self.rest.split(|c: char| !is_word(c) && c != '$').next().unwrap_or_default();
                self.skip(word.len());
                self.first_word = self.first_word.or(Some(word));
                self.last_word = word;
            }
            _ => self.skip(next.len_utf8()),
        }
        Ok(Token::Other)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn until(&mut self, end: &str) -> Result<(), &'static str> {
        let at = self.rest.find(end).ok_or("leaves a quotation open")?;
        self.skip(at + end.len());
        Ok(())
    }

    /// A doubled quote stands for one, which reads as two quotations side by side.
    fn quoted(&mut self, quote: char, backslashes: bool) -> Result<(), &'static str> {
        self.skip(1);
        let mut escaped = false;
        let end = self.rest.find(|c: char| {
            let ends = c == quote && !escaped;
            escaped = backslashes && c == '\\' && !escaped;
            ends
        });
        self.skip(end.ok_or("leaves a quotation open")? + 1);
        Ok(())
    }

    /// PostgreSQL's comments nest; SQLite's don't.
    fn comment(&mut self) -> Result<(), &'static str> {
        let mut open = 0_u32;
        loop {
            if self.rest.starts_with("/*") && (open == 0 || self.dialect == Dialect::Postgres) {
                open += 1;
                self.skip(2);
            } else if self.rest.starts_with("*/") {
                open -= 1;
                self.skip(2);
                if open == 0 {
                    return Ok(());
                }
            } else {
                self.skip(self.rest.chars().next().ok_or("leaves a comment open")?.len_utf8());
            }
        }
    }

    /// `$1` is a parameter, `$tag$ … $tag$` a quotation.
    fn dollar(&mut self) -> Result<(), &'static str> {
        let tag = self.rest.get(1..).and_then(|rest| rest.split('$').next()).unwrap_or_default();
        if tag.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("has a parameter, which nothing would fill");
        }
        let delimiter = self.rest.get(..tag.len() + 2).filter(|_| tag.chars().all(is_word));
        let delimiter: &'a str = delimiter.ok_or("has a $ that quotes nothing")?;
        self.skip(delimiter.len());
        self.until(delimiter)
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::{
        Dialect::{Postgres, Sqlite},
        *,
    };

    #[test]
    fn one_select_statement_is_taken_without_what_ends_it() {
        for (text, taken) in [
            ("SELECT 1", "SELECT 1"),
            ("\u{feff}\n select a, b FROM t ;\n-- the end;", "select a, b FROM t"),
            (
                "/* why */ WITH x AS (SELECT ';' AS y) SELECT y FROM x",
                "/* why */ WITH x AS (SELECT ';' AS y) SELECT y FROM x",
            ),
            (
                "SELECT 'it''s; ( $1 ?' AS \"a\"\"; )\" -- ( ; ' $1",
                "SELECT 'it''s; ( $1 ?' AS \"a\"\"; )\" -- ( ; ' $1",
            ),
            ("SELECT a -- last line;", "SELECT a -- last line;"),
        ] {
            for dialect in [Postgres, Sqlite] {
                assert_eq!(Select::parse(text, dialect).as_ref().map(Select::as_str), Ok(taken), "{dialect:?}");
            }
        }
        for text in [
            "SELECT E'\\'; (' AS a, $$;($1'$$ AS b, $t$ $$ ; $t$, c::text, d ? 'x', e @> '{}', f[1:2], foo$1 FROM t",
            "SELECT 1 /* one /* two ; */ ( */",
            "SELECT 'a\\'",
        ] {
            assert_eq!(Select::parse(text, Postgres).as_ref().map(Select::as_str), Ok(text));
        }
        for text in ["SELECT [a;(], `b;'` FROM t", "SELECT 1 /* one /* two ; */", "SELECT 'a\\', \"e'\""] {
            assert_eq!(Select::parse(text, Sqlite).as_ref().map(Select::as_str), Ok(text));
        }
    }

    #[test]
    fn what_is_not_one_select_statement_is_refused() {
        for (text, problem) in [
            ("", "no statement"),
            (" \n-- only a comment", "no statement"),
            (";", "no statement"),
            ("DELETE FROM t", "no SELECT"),
            ("INSERT INTO t SELECT 1", "no SELECT"),
            ("VALUES (1, 2)", "no SELECT"),
            ("EXPLAIN SELECT 1", "no SELECT"),
            ("selecting", "no SELECT"),
            ("(SELECT 1)", "no SELECT"),
            ("tenants", "no SELECT"),
            ("SELECT 1; SELECT 2", "more than one"),
            ("SELECT 1;;", "more than one"),
            ("; SELECT 1", "more than one"),
            ("SELECT 1; -- x\nDROP TABLE t", "more than one"),
            ("SELECT 1) UNION (SELECT 2", "closes a parenthesis"),
            ("SELECT (1", "leaves a parenthesis"),
            ("SELECT (1;)", "inside parentheses"),
            ("SELECT 'a", "quotation open"),
            ("SELECT \"a", "quotation open"),
            ("SELECT 1 /* a", "comment open"),
            ("SELECT 1 WHERE a = $1", "parameter"),
            ("SELECT 1\0", "NUL"),
        ] {
            for dialect in [Postgres, Sqlite] {
                let told = Select::parse(text, dialect).unwrap_err();
                assert!(told.contains(problem), "{text:?}, {dialect:?}: {told}");
            }
        }
        for text in ["SELECT ?", "SELECT ?1", "SELECT :a", "SELECT @a", "SELECT $a"] {
            assert!(Select::parse(text, Sqlite).unwrap_err().contains("parameter"), "{text}");
        }
        for text in ["SELECT $$ a", "SELECT $t$ a $$", "SELECT E'\\'", "SELECT 1 /* /* */", "SELECT $ 1"] {
            assert!(Select::parse(text, Postgres).is_err(), "{text}");
        }
        // A carriage return ends PostgreSQL's comment.
        assert!(Select::parse("SELECT 1 -- a\r; DROP TABLE t", Postgres).is_err());
    }
}
