export { Failure } from './failure.mjs';
