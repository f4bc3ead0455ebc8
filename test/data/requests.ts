import type { DataRequest, FieldRequest } from '../../compiler/program/types.js';

export function image(name: string, ...shape: number[]): FieldRequest {
  return { name, type: 'image', shape, args: {}, storage: { kind: 'u8', scale: 2 / 255, offset: -1 }, range: [-1, 1] };
}

export function label(name: string, classes: number): FieldRequest {
  return { name, type: 'class', shape: [], args: { classes }, storage: { kind: 'i32' } };
}

export function vector(name: string, ...shape: number[]): FieldRequest {
  return { name, type: 'vector', shape, args: {}, storage: { kind: 'f32' } };
}

export function video(name: string, ...shape: number[]): FieldRequest {
  return { ...image(name, ...shape), type: 'video' };
}

export function tokens(name: string, length: number, words: number): FieldRequest {
  return { name, type: 'tokens', shape: [length], args: { words }, storage: { kind: 'i32' }, range: [0, words - 1] };
}

export function audio(name: string, frames: number, bands: number): FieldRequest {
  return { name, type: 'audio', shape: [frames, bands], args: {}, storage: { kind: 'f32' } };
}

export function request(source: string, args: DataRequest['args'], ...fields: FieldRequest[]): DataRequest {
  return { name: 'rows', source, args, fields };
}
