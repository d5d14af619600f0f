import type { paths } from "./api.js";

type Listed<Found> = {
  get: { responses: { 200: { content: { "application/json": { data: { items: Found[]; nextCursor: string | null } } } } } };
};

/** The routes that answer with a list, but `/events`, which goes on for ever. */
export type ListPath = Exclude<
  { [Path in keyof paths]: paths[Path] extends Listed<unknown> ? Path : never }[keyof paths],
  "/events"
>;

/** What the list holds. */
export type Item<Path extends ListPath> = paths[Path] extends Listed<infer Found> ? Found : never;

/** `query` without `cursor`, and `path` where the route has one. */
export type Params<Path extends ListPath> = paths[Path] extends { get: { parameters: infer All } }
  ? {
      [Part in keyof All as Part extends "query" | "path" ? Part : never]: Part extends "query"
        ? Omit<NonNullable<All[Part]>, "cursor">
        : All[Part];
    }
  : never;
