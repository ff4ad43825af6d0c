import { Route, Routes } from 'react-router';
import { NotFound } from '../app/NotFound';
import { ItemPage } from './item/ItemPage';
import { LibraryPage } from './library/LibraryPage';

/** The pages below `/media`. */
export function MediaRoutes() {
  return (
    <Routes>
      <Route index element={<LibraryPage />} />
      <Route path=":id" element={<ItemPage />} />
      <Route path="*" element={<NotFound />} />
    </Routes>
  );
}
