/**
 * Layers become graph values in a scope: it has a path, names what is made in it, and declares
 * parameters. Layers are immutable values; the scope gathers the names, parameters and layers of a
 * model while it is built. Not here: any layer; what a parameter becomes (src/nn/model.ts decides:
 * a stand-in, a constant, or a state).
 */
import { requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { isSize, showShape } from '../core/shape.js';
import { requireValue, type Update, type Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import type { Initializer } from './initializers.js';

/** A value of 32-bit floats in a graph. */
export type Float = Value<'f32'>;

/** What a parameter does; optimizers and importers go by it. */
export type Role =
  | 'weight'
  | 'bias'
  | 'scale'
  | 'shift'
  | 'mean'
  | 'variance'
  | 'slope'
  // A number that a quantizer learns: a range, a step, a scale.
  | 'range';

/** A parameter of a model: its shape, what it is for, and how it begins. */
export interface Parameter {
  /** The path of its layer and its own name: 'layer1/0/conv/weight'. */
  readonly name: string;
  /** Sizes of its axes. */
  readonly shape: readonly number[];
  /** What it is for. */
  readonly role: Role;
  /** How it begins. */
  readonly init: Initializer;
  /** Bits of an element where a quantizer stands before its use; absent: it is used as it is. */
  readonly precision?: number;
}

/**
 * A layer: an immutable value. Applied in a scope, it declares parameters and gives a value.
 * Applied again in another scope, it declares other parameters: two places share none.
 */
export interface Layer {
  /** The kind of layer, which is also its default name: 'conv2d'. */
  readonly kind: string;
  /** Of the layer in the names of its parameters. */
  readonly name?: string;
  /** True for a group without a name, which opens no scope of its own. */
  readonly transparent?: true;
  /** Adds what the layer computes of x to the graph of the scope. */
  apply(scope: Scope, x: Float): Float;
}

/** A layer that was applied. */
export interface Applied {
  /** Names of the layers around it and its own. */
  readonly path: string;
  /** What kind of layer it is. */
  readonly kind: string;
  /** What it gave. */
  readonly value: Float;
}

/** What all scopes of one model share while it is built. */
export interface Building {
  /** The graph that is being written. */
  readonly g: GraphBuilder;
  /** What layers have declared so far. */
  readonly parameters: Parameter[];
  /** The layers that were applied so far, in their order. */
  readonly applied: Applied[];
  /** The value that stands for a parameter in the graph. Never throws. */
  leaf(parameter: Parameter): Float;
  /** Whether the layer at a path is in training. Absent: none is. Never throws. */
  training?(path: string): boolean;
  /** The share of a batch in running statistics. Absent: what each layer says. */
  readonly share?: Float | undefined;
  /** What a run makes of parameters that no gradient changes, such as running statistics. */
  readonly updates: Update[];
}

/**
 * Where a layer stands while a graph is built: its path, its parameters, and whether it is in
 * training.
 */
export class Scope {
  /** Names of the layers around it, with slashes between. */
  readonly path: string;
  private readonly building: Building;
  private readonly names = new Map<string, number>();

  constructor(building: Building, path = '') {
    this.building = building;
    this.path = path;
  }

  /** The graph that is being written. */
  get g(): GraphBuilder {
    return this.building.g;
  }

  /**
   * Whether layers of this scope are in training: batch norms then take the statistics of the
   * batch, and quantizers give values with a gradient.
   */
  get training(): boolean {
    return this.building.training?.(this.path) ?? false;
  }

  /** The share of a batch in running statistics, where it is not what each layer says. */
  get share(): Float | undefined {
    return this.building.share;
  }

  /** Says what a run makes of a parameter that no gradient changes. */
  update(parameter: Float, next: Float): void {
    this.building.updates.push([parameter, next]);
  }

  /** The path, or a name within it. */
  named(name?: string): string {
    return [this.path, name].filter((part) => part !== undefined && part !== '').join('/');
  }

  /** A scope within this one, for a part of a layer. */
  child(name: string): Scope {
    return new Scope(this.building, this.named(this.claim(name, true)));
  }

  /** An unused path within this scope: `name`, or `name` with a number. */
  fresh(name: string): string {
    return this.named(this.claim(name, false));
  }

  /** Declares a parameter of this scope and gives its value. */
  parameter(
    name: string,
    shape: readonly number[],
    role: Role,
    init: Initializer,
    precision?: number,
  ): Float {
    const parameter = Object.freeze({
      name: this.named(name),
      shape: Object.freeze([...shape]),
      role,
      init,
      ...(precision !== undefined && { precision }),
    });
    this.building.parameters.push(parameter);
    return this.building.leaf(parameter);
  }

  /**
   * Applies a layer in a scope of its own: its name, or its kind with a number from the second on.
   */
  apply(layer: Layer, x: Float): Float {
    // Functions have an `apply` too, so `nn.relu` without parentheses would pass for a layer.
    if (typeof layer !== 'object' || typeof layer?.apply !== 'function')
      throw expected('ERR_ARGUMENT', 'a layer', layer, { op: 'layer', node: this.path });
    if (layer.transparent === true) return layer.apply(this, x);
    const path = this.named(this.claim(layer.name ?? layer.kind, layer.name !== undefined));
    const value = layer.apply(new Scope(this.building, path), x);
    requireValue(value, 'a layer that gives a value', { op: layer.kind, node: path });
    this.building.applied.push({ path, kind: layer.kind, value });
    return value;
  }

  /** [N, H, W, C] of a feature map: H, W and C are numbers. */
  map(
    kind: string,
    x: Float,
  ): { readonly height: number; readonly width: number; readonly channels: number } {
    const [, height, width, channels] = x.shape;
    if (
      x.shape.length !== 4 ||
      typeof height !== 'number' ||
      typeof width !== 'number' ||
      typeof channels !== 'number'
    ) {
      throw expected('ERR_SHAPE', 'a feature map [N, H, W, C] of known size', showShape(x.shape), {
        op: kind,
        node: this.path,
      });
    }
    return { height, width, channels };
  }

  /** The size of the last axis. */
  channels(kind: string, x: Float): number {
    const channels = x.shape.at(-1);
    if (typeof channels !== 'number')
      throw expected('ERR_SHAPE', 'a last axis of known size', showShape(x.shape), {
        op: kind,
        node: this.path,
      });
    return channels;
  }

  /** Checks a size that no shape rule checks. */
  requireCount(kind: string, what: string, value: number): void {
    if (!isSize(value) || value === 0)
      throw expected('ERR_ARGUMENT', `${what} to be a whole number of 1 or more`, value, {
        op: kind,
        node: this.path,
      });
  }

  private claim(name: string, exact: boolean): string {
    const count = (this.names.get(name) ?? 0) + 1;
    this.names.set(name, count);
    if (count > 1 && exact)
      throw expected('ERR_ARGUMENT', 'a name of its own', name, {
        op: 'layer',
        node: this.named(name),
      });
    return count === 1 ? name : `${name}_${count}`;
  }
}

/** @throws BitplaneError ERR_ARGUMENT */
export function requireLayers(layers: readonly Layer[], op: string): void {
  if (!Array.isArray(layers)) throw expected('ERR_ARGUMENT', 'a list of layers', layers, { op });
}

/** The option of every layer: the name of its scope. Default: its kind. */
export interface NameOption {
  /** Of the layer in the names of its parameters. */
  readonly name?: string | undefined;
}

/**
 * The name from the options of a layer that takes no other option. @throws BitplaneError
 * ERR_ARGUMENT
 */
export function nameOf(kind: string, options: NameOption): { readonly name: string | undefined } {
  requireOptions(options, { name: true }, { op: kind });
  return { name: options.name };
}

/** What a layer made of a function is called, and whether it opens a scope. */
export interface LayerOptions {
  /** Of the layer in the names of its parameters. */
  readonly name?: string | undefined;
  /** A layer that opens no scope of its own. */
  readonly transparent?: boolean | undefined;
}

/**
 * A layer from a function: the way to write a block with wiring of its own.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function layer(
  kind: string,
  apply: (scope: Scope, x: Float) => Float,
  options: LayerOptions = {},
): Layer {
  requireOptions(options, { name: true, transparent: true }, { op: kind });
  const { name, transparent } = options;
  return Object.freeze({
    kind,
    apply,
    ...(name === undefined ? {} : { name }),
    ...(transparent === true ? { transparent } : {}),
  });
}
