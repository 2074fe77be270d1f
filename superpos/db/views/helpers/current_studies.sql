-- current_studies: one row per study: its newest revision
SELECT s.study_id, s.name, s.revision, s.digest, s.created_at
FROM studies s
WHERE s.revision = (SELECT MAX(o.revision) FROM studies o WHERE o.name = s.name)
