CREATE TABLE "movies" (
    "id" SERIAL NOT NULL,
    "title" VARCHAR(255) NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',

    CONSTRAINT "movies_pkey" PRIMARY KEY ("id")
);
