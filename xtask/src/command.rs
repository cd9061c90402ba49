//! Commands as one types them: words, with variables before them.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs it with our terminal. An error if it cannot be started or does not end well.
pub(crate) fn run(root: &Path, line: &str) -> Result<(), String> {
    let status = parse(line)?
        .current_dir(root)
        .status()
        .map_err(|error| format!("starting `{line}`: {error}"))?;
    match (status.success(), status.code()) {
        (true, _) => Ok(()),
        (false, Some(code)) => Err(format!("`{line}` ended with {code}")),
        (false, None) => Err(format!("`{line}` was killed")),
    }
}

/// Whether it ends well; what it prints is not shown.
pub(crate) fn succeeds(line: &str) -> bool {
    let command = parse(line);
    let quiet = |mut command: Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    command.is_ok_and(|command| quiet(command).is_ok_and(|status| status.success()))
}

/// What it prints, if it ends well.
pub(crate) fn output(line: &str) -> Result<String, String> {
    output_in(Path::new("."), line)
}

/// The same, in a folder.
pub(crate) fn output_in(folder: &Path, line: &str) -> Result<String, String> {
    let output = parse(line)?
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("starting `{line}`: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{line}` failed: {}", said.trim()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{line}` printed what is not UTF-8"))
}

/// Words between spaces; `NAME=VALUE` before the first one sets a variable, and
/// `NAME+=VALUE` adds to what is set.
fn parse(line: &str) -> Result<Command, String> {
    let mut words = line.split_whitespace().peekable();
    let mut variables = Vec::new();
    while let Some((name, value)) = words.peek().and_then(|word| variable(word)) {
        variables.push((name, value));
        words.next();
    }
    let program = words.next().ok_or_else(|| format!("no command in `{line}`"))?;
    let mut command = Command::new(program);
    command.args(words).envs(variables);
    Ok(command)
}

fn variable(word: &str) -> Option<(&str, String)> {
    let (name, value) = word.split_once('=')?;
    let Some(name) = name.strip_suffix('+') else {
        return is_name(name).then(|| (name, value.into()));
    };
    let before = std::env::var(name).unwrap_or_default();
    is_name(name).then(|| (name, format!("{before} {value}").trim_start().to_owned()))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let command = parse(line).expect("a command");
        let variables = command.get_envs().map(|(name, value)| {
            format!("{}={} ", name.to_string_lossy(), value.unwrap_or_default().to_string_lossy())
        });
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        assert_eq!(variables.collect::<String>() + &words.join("|"), expected, "{line}");
    }

    #[test]
    fn words_and_variables_are_told_apart() {
        check("cargo fmt --all", "cargo|fmt|--all");
        check("A_B=1 cargo test", "A_B=1 cargo|test");
        check("cargo test --config a=b", "cargo|test|--config|a=b");
        check(
            "NO_SUCH_VARIABLE_IS_SET+=-Dwarnings cargo doc",
            "NO_SUCH_VARIABLE_IS_SET=-Dwarnings cargo|doc",
        );
    }

    #[test]
    fn nothing_is_no_command() {
        assert!(parse("").is_err());
        assert!(parse("A=1").is_err());
    }

    #[test]
    fn an_end_that_is_not_well_is_told() {
        let error =
            run(&crate::root(), "cargo no-such-command-of-cargo").expect_err("no such command");
        assert!(error.contains("ended with 101"), "{error}");
        assert!(!succeeds("cargo no-such-command-of-cargo") && succeeds("cargo --version"));
        assert!(output("cargo --version").is_ok_and(|text| text.starts_with("cargo ")));
        assert!(output("no-such-program-at-all").is_err());
    }
}
