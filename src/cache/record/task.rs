//! What a task is: shared by episodes, patterns and procedures.

use serde::{Deserialize, Serialize};

/// The kind of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TaskType {
    /// Writing new code.
    CodeGeneration,
    /// Finding and mending a fault.
    Debugging,
    /// Improving the structure of code.
    Refactoring,
    /// Writing or running tests.
    Testing,
    /// Finding out about code, data or a system.
    Analysis,
    /// Writing documentation.
    Documentation,
    /// Anything else.
    Other,
}

/// What a task is done in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskContext {
    /// The programming language, as `rust`.
    pub language: Option<String>,
    /// The framework, as `tokio`.
    pub framework: Option<String>,
    /// How involved the task is.
    pub complexity: ComplexityLevel,
    /// The field, as `web-api`.
    pub domain: String,
    /// Further words to find it by.
    pub tags: Vec<String>,
}

impl Default for TaskContext {
    /// A moderate task of the domain `general`, as upstream's default.
    fn default() -> Self {
        Self {
            language: None,
            framework: None,
            complexity: ComplexityLevel::Moderate,
            domain: "general".into(),
            tags: Vec::new(),
        }
    }
}

/// How involved a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ComplexityLevel {
    /// One step.
    Simple,
    /// A few steps.
    Moderate,
    /// Many steps that depend on each other.
    Complex,
}
