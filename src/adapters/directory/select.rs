//! An operator's SELECT statement that replaces one of the two relations.
//!
//! The statement is embedded in parentheses, so it must be exactly one complete statement. Text that would end the
//! parentheses early, or that leaves a quotation or comment open, is reported at startup instead of failing every call.
//! The database checks everything else.
//!
//! The scanner is our own. The tokenizer of `sqlparser` 0.64 does not see a PostgreSQL comment directly after an
//! operator (`a ||-- it's`), accepts a comment that SQLite leaves unclosed, and treats a backslash in `x'\'` as an
//! escape.

use super::dialect::Dialect;

#[cfg(test)]
mod tests;

/// One SELECT statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select(String);

/// Why a text is not one SELECT statement. The messages have no subject, because it is the name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// Only white space and comments, or nothing before a semicolon.
    #[error("does not contain a statement; expected one SELECT statement")]
    NoStatement,
    /// The first token is neither SELECT nor WITH.
    #[error("does not begin with SELECT or WITH")]
    NotSelect,
    /// Something other than white space and comments after a semicolon.
    #[error("contains more than one statement")]
    SeveralStatements,
    /// A semicolon before the closing parenthesis.
    #[error("contains a semicolon inside parentheses")]
    SemicolonInParentheses,
    /// A closing parenthesis without an opening one.
    #[error("closes a parenthesis that is not open")]
    ParenthesisNotOpen,
    /// An opening parenthesis without a closing one.
    #[error("contains an unclosed parenthesis")]
    UnclosedParenthesis,
    /// A quoted string or identifier without an end.
    #[error("contains an unclosed quotation")]
    UnclosedQuotation,
    /// A block comment without an end.
    #[error("contains an unclosed comment")]
    UnclosedComment,
    /// `$1`, and in SQLite also `?`, `:a`, `@a`, `#a` and `$a`.
    #[error("contains a parameter, but the service does not bind a value to it")]
    Parameter,
    /// A `$` in PostgreSQL that begins neither a parameter nor a quoted string.
    #[error("contains a $ that does not begin a quoted string")]
    UnmatchedDollar,
    /// A NUL byte outside quotations and comments.
    #[error("contains a NUL byte")]
    Nul,
}

impl Select {
    /// Parses the content of a file: one statement that begins with SELECT or WITH, with or without a semicolon after
    /// it.
    ///
    /// # Errors
    /// [`SelectError`] for the first problem.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, SelectError> {
        let text = text.trim_start_matches('\u{feff}');
        let mut scanner = Scanner { rest: text, dialect, depth: 0, first_word: None, previous_word: "" };
        let mut end = None;
        while let Some(next) = scanner.rest.chars().next() {
            let start = text.len() - scanner.rest.len();
            let token = scanner.token(next)?;
            match (token, end) {
                (Token::Blank, _) => {}
                (Token::Semicolon, None) if scanner.depth > 0 => return Err(SelectError::SemicolonInParentheses),
                (Token::Semicolon, None) => end = Some(start),
                (Token::Semicolon | Token::Other, Some(_)) => return Err(SelectError::SeveralStatements),
                (Token::Other, None) if scanner.first_word.is_none() => return Err(SelectError::NotSelect),
                (Token::Other, None) => {}
            }
        }
        if scanner.depth > 0 {
            return Err(SelectError::UnclosedParenthesis);
        }
        match scanner.first_word {
            None => Err(SelectError::NoStatement),
            Some(word) if ["select", "with"].contains(&word.to_ascii_lowercase().as_str()) => {
                Ok(Self(text.get(..end.unwrap_or(text.len())).unwrap_or(text).trim().to_owned()))
            }
            Some(_) => Err(SelectError::NotSelect),
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

/// Scans a statement like the database's own lexer, as far as quotations, comments and parentheses are concerned.
struct Scanner<'a> {
    rest: &'a str,
    dialect: Dialect,
    /// The number of open parentheses.
    depth: u32,
    first_word: Option<&'a str>,
    /// The word directly before `rest`, for `E'…'`; empty after anything else.
    previous_word: &'a str,
}

impl<'a> Scanner<'a> {
    fn token(&mut self, next: char) -> Result<Token, SelectError> {
        let is_postgres = self.dialect == Dialect::Postgres;
        let previous_word = std::mem::take(&mut self.previous_word);
        if next == '\0' {
            return Err(SelectError::Nul);
        }
        if next.is_ascii_whitespace() {
            self.skip(1);
            return Ok(Token::Blank);
        }
        if self.rest.starts_with("--") {
            // In PostgreSQL, a carriage return also ends a comment.
            self.skip(self.rest.find(|c| c == '\n' || (c == '\r' && is_postgres)).unwrap_or(self.rest.len()));
            return Ok(Token::Blank);
        }
        if self.rest.starts_with("/*") {
            return self.comment().map(|()| Token::Blank);
        }
        match next {
            '\'' => self.quotation('\'', is_postgres && previous_word.eq_ignore_ascii_case("e"))?,
            '"' => self.quotation('"', false)?,
            '`' if !is_postgres => self.quotation('`', false)?,
            '[' if !is_postgres => self.skip_past("]")?,
            '$' if is_postgres => self.dollar()?,
            '?' | ':' | '@' | '#' | '$' if !is_postgres => return Err(SelectError::Parameter),
            '(' | ')' => {
                self.skip(1);
                let depth = if next == '(' { self.depth.checked_add(1) } else { self.depth.checked_sub(1) };
                self.depth = depth.ok_or(SelectError::ParenthesisNotOpen)?;
            }
            ';' => {
                self.skip(1);
                return Ok(Token::Semicolon);
            }
            _ if is_word(next) => {
                let word = self.rest.split(|c: char| !is_word(c) && c != '$').next().unwrap_or_default();
                self.skip(word.len());
                self.first_word = self.first_word.or(Some(word));
                self.previous_word = word;
            }
            _ => self.skip(next.len_utf8()),
        }
        Ok(Token::Other)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn skip_past(&mut self, end: &str) -> Result<(), SelectError> {
        let at = self.rest.find(end).ok_or(SelectError::UnclosedQuotation)?;
        self.skip(at + end.len());
        Ok(())
    }

    /// Skips a quotation. A doubled quote inside needs no special case: it reads as two adjacent quotations.
    fn quotation(&mut self, quote: char, has_escapes: bool) -> Result<(), SelectError> {
        self.skip(1);
        let mut is_escaped = false;
        let end = self.rest.find(|c: char| {
            let is_end = c == quote && !is_escaped;
            is_escaped = has_escapes && c == '\\' && !is_escaped;
            is_end
        });
        self.skip(end.ok_or(SelectError::UnclosedQuotation)? + 1);
        Ok(())
    }

    /// Skips a block comment. Comments nest in PostgreSQL, but not in SQLite.
    fn comment(&mut self) -> Result<(), SelectError> {
        let mut depth = 0_u32;
        loop {
            if self.rest.starts_with("/*") && (depth == 0 || self.dialect == Dialect::Postgres) {
                depth += 1;
                self.skip(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.skip(2);
                if depth == 0 {
                    return Ok(());
                }
            } else {
                self.skip(self.rest.chars().next().ok_or(SelectError::UnclosedComment)?.len_utf8());
            }
        }
    }

    /// Skips `$tag$ … $tag$`, and rejects the parameter `$1`.
    fn dollar(&mut self) -> Result<(), SelectError> {
        let tag = self.rest.get(1..).and_then(|rest| rest.split('$').next()).unwrap_or_default();
        if tag.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(SelectError::Parameter);
        }
        let delimiter = self.rest.get(..tag.len() + 2).filter(|_| tag.chars().all(is_word));
        let delimiter: &'a str = delimiter.ok_or(SelectError::UnmatchedDollar)?;
        self.skip(delimiter.len());
        self.skip_past(delimiter)
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}
