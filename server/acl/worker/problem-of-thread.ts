import { type Problem, ProblemError } from '../../../contract/problem.ts';

/** Makes the error again that a thread sent as problem details. */
export const asProblemError = ({ code, detail, hint, errors }: Problem): ProblemError =>
  new ProblemError(code, detail, {
    ...(hint === undefined ? {} : { hint }),
    ...(errors === undefined ? {} : { errors }),
  });
