-- remember_handled_messages was changed after it had been applied here and there: such a database has a B-tree, where its file
-- says BRIN. This makes all alike, and then the record of what was applied agrees with the file again.
DROP INDEX "handled_messages_age";
CREATE INDEX "handled_messages_age" ON "handled_messages" USING BRIN ("handled_at");

DO $$
BEGIN
  -- A shadow database has no such record.
  IF to_regclass('_prisma_migrations') IS NOT NULL THEN
    UPDATE _prisma_migrations SET checksum = '6b0f6121ea3f48eb935965124b6f3693d300923d8368520610e1b800e6addad2' WHERE checksum = 'cada1aa756ee088d9aed272508e499e001c371ae4366f6c9da36f50b64b7f000';
  END IF;
END $$;
