-- near_copies: one row per pair of features whose directions are almost parallel at every layer
-- place: 50
SELECT {axes q. study model dataset activations directions -layer}, q.space, q.feature_a, q.feature_b,
  q.config_key, COUNT(*) AS n_layers, MIN(q.value) AS value_min, MAX(q.value) AS value_max
FROM psm_pairs q
WHERE q.similarity = 'cosine'
GROUP BY {axes q. study model dataset activations directions -layer}, q.space, q.feature_a, q.feature_b,
  q.config_key
HAVING MIN(ABS(q.value)) > 0.999
