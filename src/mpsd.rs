//! MPSD's own words: hosts, operations, names. What a request *is*, resolved once and carried everywhere.

pub mod bag;
pub mod host;
pub mod name;
pub mod route;
pub mod rta;
pub mod system;
pub mod target;
pub mod version;

pub use route::{Op, Operation, ParamName, ROUTES, Resolution, Route, Service, resolve};
