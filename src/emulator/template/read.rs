//! Templates from a file: `{"name": {"constants": {"system": {…}, "custom": …}, "roleTypes": {…}, "contractVersion": 107}}`.
//!
//! They come on top of the built-in ones; one of the same name takes its place.

use thiserror::Error;

use super::{Template, Templates};
use crate::emulator::{caps, intent, is_name};
use crate::json::{Doc, Node};
use crate::mpsd::system::{Misfit, Place};
use crate::mpsd::version::{Contract, Names};

/// Why templates cannot be read.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The text is no JSON.
    #[error("the session templates are {0}")]
    Json(String),
    /// A field is not as documented.
    #[error("in the session templates, {0}")]
    Field(Misfit),
}

impl From<Misfit> for TemplateError {
    fn from(misfit: Misfit) -> Self {
        Self::Field(misfit)
    }
}

impl Templates {
    /// The built-in templates and those of a JSON document. An explicit `null` keeps a constant unset.
    ///
    /// # Errors
    /// The first template and field that is not as documented.
    pub fn read(text: &str) -> Result<Self, TemplateError> {
        let doc = Doc::parse(text.as_bytes()).map_err(|error| TemplateError::Json(error.to_string()))?;
        let mut templates = Self::default();
        for (name, node) in intent::entries(doc.root(), "")? {
            if !is_name(&name) {
                return Err(Misfit::new("", &name, "is no template name").into());
            }
            let template = template(&name, node)?;
            templates.0.insert(name.to_lowercase(), template);
            if templates.0.len() > caps::TEMPLATES {
                return Err(Misfit::new("", &name, "is one template too many").into());
            }
        }
        Ok(templates)
    }
}

fn template(name: &str, node: Node<'_>) -> Result<Template, TemplateError> {
    let names = match node.get("contractVersion").map(|version| version.number().and_then(Contract::named)) {
        None => Names::New,
        Some(Some(contract)) => contract.names(),
        Some(None) => return Err(Misfit::new(name, "contractVersion", "is not 104, 105 or 107").into()),
    };
    let mut template = Template {
        name: name.to_owned(),
        constants: Default::default(),
        custom: Default::default(),
        role_types: Default::default(),
        names,
    };
    for (key, value) in intent::entries(node, name)? {
        match key.as_str() {
            "constants" => {
                let constants = intent::delta(value, Place::Constants(names), &format!("{name}.constants"))?;
                template.constants = constants.system;
                template.custom = constants.custom.unwrap_or_default();
            }
            "roleTypes" => template.role_types = intent::role_types(value, &format!("{name}.roleTypes"))?,
            "contractVersion" => {}
            _ => return Err(Misfit::new(name, &key, "is not known").into()),
        }
    }
    Ok(template)
}
