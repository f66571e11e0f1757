-- Fields of a migration's result, which is JSON, are named as in the API: directions are ingress and egress.
UPDATE "Migration" SET "result" = replace(replace(replace("result",
  '"packetsOut":', '"egressPackets":'),
  '"packetsIn":', '"ingressPackets":'),
  '"packetsOnOld":', '"packetsOnOldDevice":')
WHERE "result" IS NOT NULL;
