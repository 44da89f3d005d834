//! The `tapdeck` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tapdeck::cli::main()
}
