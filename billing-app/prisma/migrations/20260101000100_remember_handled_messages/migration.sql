CREATE TABLE "handled_messages" (
    "message_id" TEXT NOT NULL,
    "content_hash" BYTEA NOT NULL,
    "handled_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "handled_messages_pkey" PRIMARY KEY ("message_id")
);

-- Pruning takes the oldest first, a piece at a time.
CREATE INDEX "handled_messages_age" ON "handled_messages"("handled_at");
