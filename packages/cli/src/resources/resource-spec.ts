/** What one kind of resource is to the command line: names, flags, calls and labels as data; the engine beside it makes the commands. */
import type { CheckFailure, Command, CommandContext, Flag } from '../command.ts';

/** JSON of the API: any field may be missing or of another type. */
export type Json = Readonly<Record<string, unknown>>;

/** One label of a table and the JSON field behind it; `attributes.x` reaches into attributes. */
export interface Column {
  readonly label: string;
  readonly field: string;
  /** `time` is shown in the local zone, `utc` as the worker's status time, `present` also when empty or zero. */
  readonly kind?: 'time' | 'utc' | 'present';
}

/**
 * How the text of a flag becomes JSON.
 * `text` as it is; `uint`, `int` a number; `seconds` a number or a Go duration; `boolean` a flag without a word; `list` a flag that
 * is given several times; `filter` a text whose syntax is checked here; `reference` a text, or where to read it from
 * (`env://NAME`, `file://PATH`); `references` a list of those; `secret` only where to read it from; `pairs` `key=value`, several
 * times; `tags` `key=v1,v2`, several times; `attributes` a family of flags (cli.md §1.3).
 */
export type FieldKind =
  | 'text'
  | 'uint'
  | 'int'
  | 'seconds'
  | 'boolean'
  | 'list'
  | 'filter'
  | 'reference'
  | 'references'
  | 'secret'
  | 'pairs'
  | 'tags'
  | 'attributes';

/** One flag of create, update or an action, and the body field it fills. */
export interface FieldFlag {
  /** Without a dash. Of a family: the flag for a whole JSON object, as `attributes`. */
  readonly name: string;
  readonly help: string;
  /** Wire name; dots reach into objects, as `attributes.address`. */
  readonly field: string;
  /** Default `text`. */
  readonly kind?: FieldKind;
  /** The verb that has the flag; both when left out. */
  readonly on?: 'create' | 'update';
  /** Goes into the query instead of the body. */
  readonly isQuery?: boolean;
  /** The value may be the secret itself: it is kept in no history. Always so for kind `secret`. */
  readonly isSecret?: boolean;
  /** Create cannot do without it, and the command line says so itself. */
  readonly isRequired?: boolean;
  /** Of a secret: what to ask at the terminal when the flag is missing; `twice` for new ones. */
  readonly ask?: { readonly question: string; readonly isTwice: boolean };
  /** Of a family: the word of its flags for one key, as `attr`: `-attr`, `-string-attr`, `-num-attr`, `-bool-attr`. */
  readonly piece?: string;
  /** Of a family: only `-<piece>`, whose values are texts. */
  readonly isUntyped?: boolean;
  readonly env?: string;
  /** As it would be written on the command line. */
  readonly default?: string;
  readonly completes?: readonly string[];
}

/** A verb that changes a list of the resource: `add-hosts`, `set-hosts`, `remove-hosts`. */
export interface ListAction {
  /** As `hosts`, `host-sources`: the verbs are `add-<name>`, `set-<name>`, `remove-<name>`. */
  readonly name: string;
  /** Repeatable flags and the body fields they fill; kind `list` or `tags`. */
  readonly fields: readonly [FieldFlag, ...FieldFlag[]];
  /** As in `No host sources supplied via -host-source`. */
  readonly things: string;
  /** Flags of an example. */
  readonly example: string;
  /** Create takes the flags too, and sets the list after it has made the resource. */
  readonly isOnCreate?: boolean;
  /** Says what is wrong with one value, before anything is sent. */
  readonly checkValue?: (value: string) => string | undefined;
}

/** How a list looks (cli.md §3.1 rule 6). */
export interface ListView {
  readonly columns: readonly Column[];
  /** Column (0-based) at which values start; default 25. */
  readonly valueColumn?: number;
  /** Label and field of the first row; default `ID` and `id`. */
  readonly head?: Column;
  /** Further lines of an item. */
  readonly sections?: readonly ((item: Json) => readonly string[])[];
  /** As `No targets found`. */
  readonly empty: string;
}

/** What an action prints. */
export type Shows =
  /** The view of the resource. */
  | { readonly kind: 'item' }
  /** A sentence; in JSON the status alone. */
  | { readonly kind: 'sentence'; readonly text: string }
  /** The list in the answer's `items`. */
  | { readonly kind: 'list'; readonly title: string; readonly view: ListView }
  /** Lines of its own. */
  | { readonly kind: 'lines'; readonly lines: (item: Json, context: CommandContext) => readonly string[] };

/** A further verb of a resource: one call, one answer. */
export interface Action {
  /** As `cancel`, `certificate-authority read`. */
  readonly words: string;
  readonly summary: string;
  readonly description: string;
  /** Flags of an example. */
  readonly example: string;
  /** A real looking id for it, where it is not that of the resource. */
  readonly exampleId?: string;
  /** On one resource (`-id`), on the collection, or on the scope that `-scope-id` names, without a default. */
  readonly on: 'item' | 'collection' | 'scope';
  /** The scope's id goes into the body of a call on the collection, not into its path. */
  readonly isScopeInBody?: boolean;
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Behind the path of the resource or collection, as `:cancel`. */
  readonly path: string;
  /** The action of grants that it needs, where that is not the path's. */
  readonly right?: string;
  /** Sent with the call: from `-version`, or always the present one; none when left out. */
  readonly version?: 'flag' | 'present';
  readonly fields: readonly FieldFlag[];
  /** For the recorded texts of errors; default: the words, and the noun of the resource. */
  readonly verb?: string;
  readonly noun?: string;
  readonly shows: Shows;
}

/** One extra section of an item view, already as lines at their indents. */
export type Section = (item: Json, labelWidth: number) => readonly string[];

/** What the collection lies in: the flag of list and create. */
export interface ParentSpec {
  readonly flag: Flag;
  /** Query parameter and body field. */
  readonly field: string;
  /** As in `HostCatalog ID must be passed in via …`. */
  readonly title: string;
  /** Whether lists may be recursive. */
  readonly isScope: boolean;
  /** An id for examples, where the resource does not say a better one. */
  readonly exampleId: string;
}

/** One type of a resource: the third word of create and update, as `tcp`. */
export interface Subtype {
  readonly name: string;
  /** `type` on the wire; default: the name. `''`: none is sent. */
  readonly wireType?: string;
  /** Behind the collection's path of create, as `:create:controller-led`. */
  readonly createPath?: string;
  readonly fields: readonly FieldFlag[];
  /** Flags of an example of create. */
  readonly example: string;
  /** Flags of an example of update; default `-name web -description null`. */
  readonly exampleUpdate?: string;
  /** A real looking id for examples. */
  readonly exampleId?: string;
  /** The id of a parent of that type. */
  readonly exampleParent?: string;
  /** Flags of create that make a part of the body together. */
  readonly extra?: {
    readonly fields: readonly FieldFlag[];
    readonly body: (context: CommandContext) => Json;
  };
  readonly isCreateOnly?: boolean;
  /** Beginning of the flags of its attributes, for the errors of fields: `vault-`. */
  readonly attributePrefix?: string;
  /** Its lists are not set by hand, so that create does not take them. */
  readonly hasNoLists?: boolean;
  /** What create prints further in its description. */
  readonly note?: string;
}

/** The verbs that most resources share. */
export type Verb = 'read' | 'list' | 'create' | 'update' | 'delete';

/** One kind of resource. */
export interface ResourceSpec {
  /** First word of its commands, and its collection in the API. */
  readonly name: string;
  /** As `host catalog`. */
  readonly noun: string;
  /** As `Host Catalog`. */
  readonly title: string;
  /** A real looking id for examples. */
  readonly exampleId: string;
  /** A parent's id for examples of create, where it is not the parent's own. */
  readonly exampleParent?: string;
  /** Flags of an example of create. */
  readonly exampleCreate?: string;
  readonly parent: ParentSpec;
  readonly verbs: readonly Verb[];
  /** Types of create and update; none where the resource has no types. */
  readonly subtypes?: readonly Subtype[];
  /** Fields of every type. */
  readonly fields: readonly FieldFlag[];
  readonly listActions?: readonly ListAction[];
  readonly actions?: readonly Action[];
  /** Commands that are like no other. */
  readonly special?: readonly Command[];
  /** Whether the leading word may be an id or alias. */
  readonly hasPositional?: boolean;
  /** Lists without `-filter`. */
  readonly hasNoFilter?: boolean;
  /** The id `self` means the auth token in use (http-api.md §2.5). */
  readonly knowsSelf?: boolean;
  /** Further boolean flags of list that become query parameters of the same name with `_`. */
  readonly listFlags?: readonly Flag[];
  readonly list: ListView;
  readonly item: {
    readonly columns: readonly Column[];
    /** Between scope and authorized actions. */
    readonly sectionsBeforeActions?: readonly Section[];
    /** After authorized actions. */
    readonly sections?: readonly Section[];
    /** Labels of known attributes by name; `a.b` shows one field of an object alone. Others are shown by their raw name. */
    readonly attributes?: Readonly<Record<string, string>>;
    /** Heading of the scope section; default `Scope`. */
    readonly scopeHeading?: string;
  };
}

/** A check of the command line. */
export type Check = (context: CommandContext) => CheckFailure | undefined;
