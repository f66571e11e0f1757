-- The draft of the access rules became the staged rules.
UPDATE "Setting" SET "name" = 'rules.staged' WHERE "name" = 'rules.draft';
UPDATE "Event" SET "type" = 'rules.staged' WHERE "type" = 'rules.drafted';
