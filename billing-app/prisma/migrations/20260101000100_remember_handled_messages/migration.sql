CREATE TABLE "handled_messages" (
    "message_id" TEXT NOT NULL,
    "content_hash" BYTEA NOT NULL,
    "handled_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "handled_messages_pkey" PRIMARY KEY ("message_id")
);

-- For pruning. Rows arrive in the order of their age: BRIN finds the old ones and costs an insert nothing.
CREATE INDEX "handled_messages_age" ON "handled_messages" USING BRIN ("handled_at");
