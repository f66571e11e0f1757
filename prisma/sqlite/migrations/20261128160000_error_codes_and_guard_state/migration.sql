-- Error codes and fields of the guard's state have new names. A quote inside a JSON string is escaped, so that these
-- texts occur as keys and values only.
UPDATE "BatchPod" SET "code" = 'store_failed' WHERE "code" = 'inventory_failed';
UPDATE "Migration" SET "error" = replace("error", '"inventory_failed"', '"store_failed"') WHERE "error" IS NOT NULL;
UPDATE "Setting" SET "value" =
  replace(replace(replace(replace("value",
    '"ladder":', '"escalation":'),
    '"lastAct":', '"lastAction":'),
    '"acts":', '"actions":'),
    '"act":', '"action":')
  WHERE "name" = 'guard-state';
