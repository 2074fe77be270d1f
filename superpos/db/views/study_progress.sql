-- study_progress: one row per study and stage
-- place: 130
-- Rows of stages are made once, failures beside them, and stored cells counted once.
WITH stored AS (
  SELECT b.study_id, COUNT(*) AS n_fits
  FROM current_studies c
    JOIN blocks b ON b.study_id = c.study_id
    {stored cells}
  GROUP BY b.study_id
)
SELECT s.name AS study, q.stage, CAST(SUM(q.planned) AS BIGINT) AS planned,
  CAST(SUM(q.done) AS BIGINT) AS done, CAST(SUM(q.failed) AS BIGINT) AS failed,
  CAST(SUM(q.quarantined) AS BIGINT) AS quarantined, CAST(SUM(q.not_applicable) AS BIGINT) AS not_applicable
FROM current_studies s
  JOIN (
    SELECT r.study_id, r.stage, COUNT(*) AS planned, SUM(r.made) AS done,
      SUM(COALESCE(1 - cf.quarantined, 0)) AS failed, SUM(COALESCE(cf.quarantined, 0)) AS quarantined,
      SUM(r.refused) AS not_applicable
    FROM stage_rows r
      LEFT JOIN cell_failures cf ON cf.stage = r.stage AND cf.key = r.key
        AND (r.made = 0 OR r.stage NOT IN ('whitening', 'ceilings'))
    GROUP BY r.study_id, r.stage
    UNION ALL
    -- cells that the blocks ask for
    SELECT b.study_id, 'fits',
      SUM((SELECT COUNT(*) FROM block_targets bt WHERE bt.block_id = b.block_id)
        * (SELECT COUNT(*) FROM block_joint_axes bj WHERE bj.block_id = b.block_id)
        * (SELECT COUNT(*) FROM block_fit_axes bf WHERE bf.block_id = b.block_id)), 0, 0, 0, 0
    FROM current_studies c
      JOIN blocks b ON b.study_id = c.study_id
    GROUP BY b.study_id
    UNION ALL
    -- those that are stored
    SELECT stored.study_id, 'fits', 0, stored.n_fits, 0, 0, 0
    FROM stored
    UNION ALL
    -- those of targets without a matrix
    SELECT b.study_id, 'fits', 0, 0, 0, 0,
      SUM((SELECT COUNT(*) FROM block_joint_axes bj WHERE bj.block_id = b.block_id)
        * (SELECT COUNT(*) FROM block_fit_axes bf WHERE bf.block_id = b.block_id))
    FROM current_studies c
      JOIN blocks b ON b.study_id = c.study_id
      JOIN block_targets bt ON bt.block_id = b.block_id
      JOIN targets t ON t.target_id = bt.target_id
    WHERE t.status = 'not_applicable'
    GROUP BY b.study_id
    UNION ALL
    -- those that failed: their key is that of the matrix, of the joint axes and of the fit axes
    SELECT b.study_id, 'fits', 0, 0, SUM(1 - cf.quarantined), SUM(cf.quarantined), 0
    FROM cell_failures cf
      JOIN psms p ON p.key = SUBSTR(cf.key, 1, 32)
      JOIN joint_axes ja ON ja.key = SUBSTR(cf.key, 34, 32)
      JOIN fit_axes fa ON fa.key = SUBSTR(cf.key, 67, 32)
      JOIN targets t ON t.psm_id = p.psm_id
      JOIN block_targets bt ON bt.target_id = t.target_id
      JOIN blocks b ON b.block_id = bt.block_id
      JOIN block_joint_axes bj ON bj.block_id = b.block_id AND bj.joint_axes_id = ja.joint_axes_id
      JOIN block_fit_axes bf ON bf.block_id = b.block_id AND bf.fit_axes_id = fa.fit_axes_id
    WHERE cf.stage = 'fits'
    GROUP BY b.study_id
    UNION ALL
    -- an analysis is done when it has read every matrix and every fit that is stored
    SELECT c.study_id, 'analysis', 1,
      CASE WHEN a.n_results > 0 AND a.n_results = (
          SELECT COUNT(*)
          FROM study_targets x
            JOIN targets t ON t.target_id = x.target_id
          WHERE x.study_id = c.study_id AND t.psm_id IS NOT NULL
        ) + COALESCE((SELECT stored.n_fits FROM stored WHERE stored.study_id = c.study_id), 0)
        THEN 1 ELSE 0 END, 0, 0,
      CASE WHEN EXISTS (
          SELECT 1
          FROM study_targets x
            JOIN targets t ON t.target_id = x.target_id
          WHERE x.study_id = c.study_id AND t.status <> 'not_applicable'
        ) THEN 0 ELSE 1 END
    FROM current_studies c
      LEFT JOIN analyses a ON a.study_id = c.study_id
  ) q ON q.study_id = s.study_id
GROUP BY s.name, q.stage
