-- probe_results: one row per probe
-- place: 20
SELECT {axes study model dataset activations}, d.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  {axes directions}, 'none' AS space, d.label_replicate, d.label_permutation, d.permutation_note, pr.feature,
  {measured probes}, pr.status, pr.key AS probe_key, d.key AS direction_key, d.config_key
FROM current_studies s
  JOIN study_directions x ON x.study_id = s.study_id
  JOIN direction_sets d ON d.direction_id = x.direction_id
  {input joins}
  JOIN probes pr ON pr.direction_id = d.direction_id
