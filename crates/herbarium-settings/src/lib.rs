//! Settings of a program, declared once and read from everywhere.
//!
//! A setting is a static with a type, a default and a line of help. From the
//! list of them come the TOML file that is read, the environment variables, the
//! options of the command line, what `--show` prints, an example file and a page
//! of documentation: none of these can forget one, or name one that is not there.
//!
//! ```
//! use herbarium_settings::{Declared, Settings, Size, Sources, settings};
//!
//! settings! {
//!     /// Everything that can be set.
//!     pub ALL: "EXAMPLE" = [
//!         BODY: Size = "limits.body_size", || Size::mib(16), "The largest body of a request.";
//!         VERBOSE: bool = "log.verbose", || false, "Whether to say more.";
//!     ];
//! }
//!
//! let settings = Settings::read(
//!     &ALL,
//!     &Sources::new()
//!         .with_text("example.toml", "[limits]\nbody_size = '4 MiB'\n")
//!         .with_variables([("EXAMPLE_LOG_VERBOSE", "true")])
//!         .with_option("limits.body_size", "2M"),
//! )?;
//! assert_eq!(settings.get(&BODY), Size::mib(2));
//! assert!(settings.get(&VERBOSE));
//! assert_eq!(settings.origin(&BODY).to_string(), "option --limits-body-size");
//! assert_eq!(settings.origin(&VERBOSE).to_string(), "variable EXAMPLE_LOG_VERBOSE");
//! # Ok::<(), herbarium_settings::Wrong>(())
//! ```
//!
//! The strongest says what holds: an option, else a variable, else the file,
//! else the default. What is wrong is found at once and all together, with the
//! place, what was expected, what was found, and the nearest name there is.
//!
//! Pick another crate, `figment` or `config`, where settings are not known
//! beforehand or come as nested structures: here each is a flat name with one
//! value or a list.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod declare;
mod error;
mod file;
mod print;
mod read;
mod value;

pub use declare::{AnySetting, Check, Declared, Setting};
pub use error::{SettingError, Wrong};
pub use read::{Origin, Row, Settings, Sources};
pub use value::{Auto, List, Share, Size, Time, Value, parse_size, parse_time};
