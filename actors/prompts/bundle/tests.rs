//! Which runs are of one class, and which of one family.

use super::*;

#[test]
fn versions_of_a_model_are_one_family_and_several_classes() {
    let of = |text: &str| bundle_class(&text.parse().expect("a model"), Face::Reader, &[]);
    let (old, new) = (of("openai/gpt-4o"), of("openai/gpt-5"));
    assert_eq!(old.family, new.family);
    assert_ne!(old.exact, new.exact);
    assert_ne!(old.family, of("local/gpt-4o").family);
    assert_eq!(
        model_family(&"ollama/llama3.1:8b".parse().expect("a model")),
        "ollama/llama"
    );
    let other_prompt = bundle_class(&"openai/gpt-5".parse().expect("a model"), Face::Writer, &[]);
    assert_eq!(new.family, other_prompt.family);
    assert_ne!(new.exact, other_prompt.exact);
}
