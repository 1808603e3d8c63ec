/** Something that the user can understand and mend: its message is one sentence, and is all that is shown. */
export class Failure extends Error {}
