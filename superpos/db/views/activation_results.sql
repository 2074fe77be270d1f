-- activation_results: one row per activation set: a layer of a hookpoint on a data set
-- place: 10
SELECT {axes study model dataset}, {axes a. activations}, COALESCE(a.d_hook, 0) AS d_hook,
  a.dtype, {measured activation_sets -d_hook}, a.status, a.reason, a.key AS activation_key
FROM current_studies s
  JOIN study_activations x ON x.study_id = s.study_id
  JOIN activation_sets a ON a.activation_id = x.activation_id
  JOIN models m ON m.model_id = a.model_id
  JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = a.model_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = a.dataset_id
