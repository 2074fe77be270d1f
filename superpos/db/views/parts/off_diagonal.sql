-- Root of the number of off-diagonal entries of the matrix `p`: a distance with p = 2 over it is the root mean
-- square, for two matrices of one study have equal diagonals. PostgreSQL refuses a quotient or a square that is
-- too small for a number, so distances that small are 0 before.
SQRT(CAST(p.n_features * (p.n_features - 1) AS DOUBLE PRECISION))
