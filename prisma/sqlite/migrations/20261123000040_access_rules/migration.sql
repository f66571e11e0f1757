-- CreateTable
CREATE TABLE "RuleVersion" (
    "number" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "time" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor" TEXT NOT NULL,
    "comment" TEXT NOT NULL,
    "restored" INTEGER,
    "name" TEXT,
    "rules" INTEGER NOT NULL,
    "text" TEXT
);
