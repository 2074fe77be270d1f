"""Named entities in text: lists of names, where surnames stand, sentences and prompts that end at them."""
