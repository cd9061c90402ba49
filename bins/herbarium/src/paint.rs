//! Colour, where it is wanted.

use std::fmt::{self, Display};
use std::io::IsTerminal;

use clap::builder::styling::{AnsiColor, Style};

use crate::args::Color;

/// Colours text for one of the two outputs, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ink {
    Heading,
    Kind,
    Field,
    Token,
    Faint,
    Good,
    Warning,
    Bad,
}

impl Paint {
    pub(crate) fn new(color: Color, output: &impl IsTerminal) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let on = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => wanted && output.is_terminal(),
        };
        Self { on }
    }

    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    pub(crate) fn ink<T: Display>(self, ink: Ink, text: T) -> Painted<T> {
        Painted { style: self.on.then(|| ink.style()), text }
    }
}

impl Ink {
    fn style(self) -> Style {
        let fg = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Heading => Style::new().bold(),
            Self::Kind => fg(AnsiColor::Blue).bold(),
            Self::Field => fg(AnsiColor::Cyan),
            Self::Token => fg(AnsiColor::Green),
            Self::Faint => Style::new().dimmed(),
            Self::Good => fg(AnsiColor::Green).bold(),
            Self::Warning => fg(AnsiColor::Yellow).bold(),
            Self::Bad => fg(AnsiColor::Red).bold(),
        }
    }
}

/// A text and its colour.
#[derive(Debug)]
pub(crate) struct Painted<T> {
    style: Option<Style>,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.style {
            Some(style) => write!(f, "{style}{}{style:#}", self.text),
            None => self.text.fmt(f),
        }
    }
}
