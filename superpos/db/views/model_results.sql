-- model_results: one row per model of a study: what it was read from, and its shape
-- place: 18
SELECT {axes study model}, m.source, m.hub_commit, m.distribution, m.quantization, m.family, m.n_layers,
  m.d_model, m.d_mlp, m.vocab_size, m.max_positions, m.file_digest, m.config_digest, m.weights_digest,
  m.tokenizer_digest, m.key AS model_key
FROM current_studies s
  JOIN study_models sm ON sm.study_id = s.study_id
  JOIN models m ON m.model_id = sm.model_id
