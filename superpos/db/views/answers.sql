-- answers: one row per question, control and set of features, or all sets
-- place: 115
SELECT s.name AS study, a.question, a.model, a.revision, a.dataset, a.hookpoint, a.pooling, a.method,
  a.similarity, a.optimiser, a.control, {measured study_answers}
FROM current_studies s
  JOIN study_answers a ON a.study_id = s.study_id
