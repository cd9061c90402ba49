//! Settings as statics.

use std::any::Any;

use crate::value::Value;

/// Passes a value, or says what was expected.
pub type Check<T> = fn(&T) -> Result<(), String>;

/// One setting: its name, its type, what it is without being set, what it is
/// for.
#[derive(Debug, Clone, Copy)]
pub struct Setting<T> {
    name: &'static str,
    default: fn() -> T,
    help: &'static str,
    rule: Option<fn() -> String>,
    variable: Option<&'static str>,
    check: Option<Check<T>>,
    is_live: bool,
    is_secret: bool,
}

impl<T> Setting<T> {
    /// A setting of this name: words of small letters and `_`, with dots
    /// between, the tables of the file first.
    pub const fn new(name: &'static str, default: fn() -> T, help: &'static str) -> Self {
        Self {
            name,
            default,
            help,
            rule: None,
            variable: None,
            check: None,
            is_live: false,
            is_secret: false,
        }
    }

    /// Whose default follows from the machine: this says how, and what came of
    /// it here.
    #[must_use]
    pub const fn with_rule(self, rule: fn() -> String) -> Self {
        Self { rule: Some(rule), ..self }
    }

    /// With a variable of another name than the rule has it.
    #[must_use]
    pub const fn with_variable(self, variable: &'static str) -> Self {
        Self { variable: Some(variable), ..self }
    }

    /// Whose values must pass this; its error says what was expected.
    #[must_use]
    pub const fn with_check(self, check: Check<T>) -> Self {
        Self { check: Some(check), ..self }
    }

    /// That can be changed while the program runs.
    #[must_use]
    pub const fn live(self) -> Self {
        Self { is_live: true, ..self }
    }

    /// Whose value is never shown.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// The name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it is when nobody sets it.
    pub fn default(&self) -> T {
        (self.default)()
    }
}

/// A parsed value, and how it is shown and written.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) value: Box<dyn Any + Send + Sync>,
    pub(crate) shown: String,
    pub(crate) toml: String,
}

impl Parsed {
    fn of<T: Value>(value: T) -> Self {
        let (shown, toml) = (value.show(), value.show_toml());
        Self { value: Box::new(value), shown, toml }
    }
}

/// As it stands in a file, in a variable, behind an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Raw {
    One(String),
    Many(Vec<String>),
}

/// A setting of any type.
pub trait AnySetting: Sync + sealed::Sealed {
    /// The name: `limits.body_size`.
    fn name(&self) -> &'static str;
    /// What it is for.
    fn help(&self) -> &'static str;
    /// What is written: `size`, `time`, `list`.
    fn kind(&self) -> &'static str;
    /// What its default comes to on this machine, if it is not the same
    /// everywhere.
    fn rule(&self) -> Option<String>;
    /// Whether it can be changed while the program runs.
    fn is_live(&self) -> bool;
    /// Whether its value is never shown.
    fn is_secret(&self) -> bool;
    /// Whether it is only ever true or false.
    fn is_switch(&self) -> bool;
    /// What it is when nobody sets it, as written in a TOML file.
    fn default_toml(&self) -> String;
    /// The option that sets it, without the dashes: `limits-body-size`.
    fn option(&self) -> String {
        self.name().replace(['.', '_'], "-")
    }
}

pub(crate) mod sealed {
    use super::{Parsed, Raw};

    /// What only this crate needs to know.
    pub trait Sealed {
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "nobody else can call or implement it")]
        fn parse(&self, raw: &Raw) -> Result<Parsed, String>;
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "nobody else can call or implement it")]
        fn parsed_default(&self) -> Parsed;
        #[doc(hidden)]
        fn own_variable(&self) -> Option<&'static str>;
    }
}

impl<T: Value> sealed::Sealed for Setting<T> {
    #[expect(private_interfaces, reason = "nobody else can call or implement it")]
    fn parse(&self, raw: &Raw) -> Result<Parsed, String> {
        let value = match raw {
            Raw::One(text) => T::parse(text)?,
            Raw::Many(items) => T::parse_list(items)?,
        };
        if let Some(check) = self.check {
            check(&value)?;
        }
        Ok(Parsed::of(value))
    }

    #[expect(private_interfaces, reason = "nobody else can call or implement it")]
    fn parsed_default(&self) -> Parsed {
        Parsed::of(self.default())
    }

    fn own_variable(&self) -> Option<&'static str> {
        self.variable
    }
}

impl<T: Value> AnySetting for Setting<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn kind(&self) -> &'static str {
        T::KIND
    }

    fn rule(&self) -> Option<String> {
        self.rule.map(|rule| rule())
    }

    fn is_live(&self) -> bool {
        self.is_live
    }

    fn is_secret(&self) -> bool {
        self.is_secret
    }

    fn is_switch(&self) -> bool {
        std::any::TypeId::of::<T>() == std::any::TypeId::of::<bool>()
    }

    fn default_toml(&self) -> String {
        self.default().show_toml()
    }
}

/// All settings of a program; [`settings!`](crate::settings) makes one.
#[derive(Clone, Copy)]
pub struct Declared {
    prefix: &'static str,
    all: &'static [&'static dyn AnySetting],
}

impl Declared {
    /// These, with variables that begin with `prefix` and `_`.
    pub const fn new(prefix: &'static str, all: &'static [&'static dyn AnySetting]) -> Self {
        Self { prefix, all }
    }

    /// What variables begin with, the `_` left out.
    pub fn prefix(&self) -> &'static str {
        self.prefix
    }

    /// All of them, in the order of the declaration.
    pub fn iter(&self) -> impl Iterator<Item = &'static dyn AnySetting> + use<> {
        self.all.iter().copied()
    }

    /// The one of this name.
    pub fn find(&self, name: &str) -> Option<&'static dyn AnySetting> {
        self.iter().find(|setting| setting.name() == name)
    }

    /// The variable that sets it: `PREFIX_LIMITS_BODY_SIZE`.
    pub fn variable(&self, setting: &dyn AnySetting) -> String {
        match setting.own_variable() {
            Some(variable) => variable.to_owned(),
            None => {
                let name = setting.name().replace('.', "_").to_ascii_uppercase();
                format!("{}_{name}", self.prefix)
            }
        }
    }

    /// The nearest name there is, if any is near.
    pub(crate) fn nearest(&self, name: &str) -> Option<&'static str> {
        let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
        let far = |known: &str| {
            // The right word in the wrong table is near, too.
            let whole = strsim::damerau_levenshtein(known, name);
            let word = strsim::damerau_levenshtein(&last(known), &last(name)) + 1;
            whole.min(word)
        };
        let nearest = self.iter().map(|it| it.name()).min_by_key(|known| far(known))?;
        (far(nearest) <= (name.len() / 3).clamp(1, 4)).then_some(nearest)
    }
}

impl std::fmt::Debug for Declared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|setting| setting.name())).finish()
    }
}

/// Declares settings, and the list of all of them.
///
/// In each line: the static, its type, its name, its default, its help; behind
/// these, in any number, calls of [`Setting`]'s methods.
///
/// ```
/// use herbarium_settings::{AnySetting as _, Size, settings};
///
/// settings! {
///     /// All of them.
///     pub ALL: "EXAMPLE" = [
///         BODY: Size = "limits.body_size", || Size::mib(16), "The largest body." => live;
///         NAME: String = "name", String::new, "Who this is." => with_variable("NAME"), secret;
///     ];
/// }
/// assert!(ALL.find("limits.body_size").is_some_and(|it| it.is_live()));
/// assert_eq!(ALL.variable(&NAME), "NAME");
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[$about:meta])*
        $visible:vis $all:ident : $prefix:literal = [
            $(
                $setting:ident : $type:ty = $name:literal, $default:expr, $help:expr
                $(=> $($method:ident $(($($argument:expr),*))?),+)? ;
            )*
        ];
    ) => {
        $(
            #[doc = $help]
            $visible static $setting: $crate::Setting<$type> =
                $crate::Setting::new($name, $default, $help)$($(.$method($($($argument),*)?))+)?;
        )*
        $(#[$about])*
        $visible static $all: $crate::Declared = $crate::Declared::new($prefix, &[$(&$setting),*]);
    };
}
