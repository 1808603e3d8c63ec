export { Failure } from '../command/failure.mjs';
