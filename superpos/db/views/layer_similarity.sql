-- layer_similarity: one row per pair of layers
-- place: 110
SELECT {axes study model dataset activations -layer}, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  {axes directions target}, d.layer AS layer_a, dl.layer AS layer_b, {measured layer_pairs}, d.config_key,
  p.key AS psm_key, pl.key AS psm_key_b
FROM current_studies s
  JOIN layer_pairs lp ON lp.study_id = s.study_id
  JOIN targets x ON x.target_id = lp.target_a
  {target joins}
  JOIN targets tl ON tl.target_id = lp.target_b
  JOIN psms pl ON pl.psm_id = tl.psm_id
  JOIN direction_sets dl ON dl.direction_id = tl.direction_id
