//! Names by number: what stands in a recording a million times is kept once.

use std::collections::HashMap;
use std::sync::Arc;

/// Names, numbered from 0 in the order they came.
#[derive(Debug, Default)]
pub(in crate::cassette) struct Names {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Names {
    /// The number of a name, new or known.
    pub(in crate::cassette) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    /// Every name, in the order they came.
    pub(in crate::cassette) fn all(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// The name of a number.
    pub(in crate::cassette) fn name(&self, number: u32) -> &str {
        usize::try_from(number).ok().and_then(|number| self.names.get(number)).map_or("", |name| name)
    }
}
