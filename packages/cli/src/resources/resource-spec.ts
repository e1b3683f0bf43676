/** What one kind of resource is to the command line: names, flags and labels as data; the engine beside it makes the commands. */
import type { Flag } from '../command.ts';
import type { ResourceTypes } from '@stile/client/api';

/** Collections of the API that the command line knows. */
export type CollectionName = keyof ResourceTypes;

/** JSON of the API: any field may be missing or of another type. */
export type Json = Readonly<Record<string, unknown>>;

/** One label of a table and the JSON field behind it; `attributes.x` reaches into attributes. */
export interface Column {
  readonly label: string;
  readonly field: string;
  /** `time` is shown in the local zone, `utc` as the worker's status time, `present` also when empty or zero. */
  readonly kind?: 'time' | 'utc' | 'present';
}

/** One flag of create or update and the body field it fills. */
export interface FieldFlag {
  readonly flag: Flag;
  /** Wire name; `attributes.x` reaches into attributes. */
  readonly field: string;
  /** How the text becomes JSON; `seconds` takes a number or a Go duration. Default `text`. */
  readonly kind?: 'text' | 'uint' | 'int' | 'seconds';
  /** Create only. */
  readonly isCreateOnly?: boolean;
}

/** A verb that changes a list of the resource: `add-hosts`, `set-hosts`, `remove-hosts`. */
export interface ListAction {
  /** As `hosts`, `host-sources`: the verbs are `add-<name>`, `set-<name>`, `remove-<name>`. */
  readonly name: string;
  /** As `host`. */
  readonly flag: string;
  /** As `host_ids`. */
  readonly field: string;
  /** As in `No host sources supplied via -host-source`. */
  readonly things: string;
  /** A real looking id for examples. */
  readonly exampleId: string;
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
}

/** One kind of resource. */
export interface ResourceSpec {
  /** First word of its commands, and its collection in the API. */
  readonly name: CollectionName;
  /** As `host catalog`. */
  readonly noun: string;
  /** As `Host Catalog`. */
  readonly title: string;
  /** A real looking id for examples. */
  readonly exampleId: string;
  /** A scope id for examples of create. */
  readonly exampleScope: string;
  /** Flags of an example of create. */
  readonly exampleCreate: string;
  readonly parent: ParentSpec;
  readonly verbs: readonly ('read' | 'list' | 'create' | 'update' | 'delete')[];
  /** Subtype word of create and update, as `tcp`; none where the resource has no types. */
  readonly subtype?: string;
  readonly fields: readonly FieldFlag[];
  readonly listActions?: readonly ListAction[];
  /** Whether the leading word may be an id or alias. */
  readonly hasPositional?: boolean;
  /** Further flags of list that become query parameters of the same name with `_`. */
  readonly listFlags?: readonly Flag[];
  readonly list: {
    readonly columns: readonly Column[];
    /** Column (0-based) at which values start; default 25. */
    readonly valueColumn?: number;
    /** As `No targets found`. */
    readonly empty: string;
  };
  readonly item: {
    readonly columns: readonly Column[];
    /** Between scope and authorized actions. */
    readonly sectionsBeforeActions?: readonly Section[];
    /** After authorized actions. */
    readonly sections?: readonly Section[];
    /** Labels of known attributes; others are shown by their raw name. */
    readonly attributes?: Readonly<Record<string, string>>;
    /** Heading of the scope section; default `Scope`. */
    readonly scopeHeading?: string;
  };
}
